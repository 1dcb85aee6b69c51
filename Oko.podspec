# The Swift package for CocoaPods, docs/ios.md. Of a release, which scripts/release_ios.sh makes, these
# are where its archive is and that file's SHA-256; an app that names this folder (:path) needs the
# engine that scripts/build_ios.sh builds in it.
address = nil
sha256 = nil

Pod::Spec.new do |s|
  s.name = 'Oko'
  s.version = '0.1.0'
  s.summary = 'Object detection in camera frames, by a small engine of its own'
  s.homepage = address || 'https://oko.invalid'
  s.license = { :type => 'Apache-2.0', :file => 'LICENSE' }
  s.author = 'oko'
  s.source = { :http => "#{s.homepage}/Oko-pod.zip", :sha256 => sha256 }
  s.ios.deployment_target = '15.0'
  s.swift_versions = ['6.0']
  s.source_files = 'apps/ios/Sources/Oko/*.swift'
  s.vendored_frameworks = 'apps/ios/OkoC.xcframework'
  s.resource_bundles = { 'Oko' => ['apps/ios/Sources/Oko/PrivacyInfo.xcprivacy'] }
  s.library = 'c++'
end
